"""Whether rows or predictions have moved away from the reference of a release. May import inference, bundle, tables,
statistics, storage, contract and reporting."""
