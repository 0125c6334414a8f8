"""The functions that components borrow, each independent of the others. May import inference, statistics, tables,
contract and reporting."""
