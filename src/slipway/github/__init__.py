"""GitHub's API: releases, deployments, issues, downloads, workflow outputs. May import bundle, versioning and storage."""
