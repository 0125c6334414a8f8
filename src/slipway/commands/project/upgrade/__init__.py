"""`slipway upgrade`: bring a project to a newer version of the library, in one commit that keeps its edits."""
