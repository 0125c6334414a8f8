"""The target, a directory that servers and batch jobs read: releases, the link `current`, the journal, transactions and
registered servers. May import bundle, settings and storage."""
