"""The directory that serves: releases, `current`, journal, transactions, registered servers. May import bundle, settings
and storage."""
