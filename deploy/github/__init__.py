"""GitHub as the control room: release pages, who is Latest, and the record of who made it so."""
