"""`slipway history`: what served when, release by release, and which release was refused."""
