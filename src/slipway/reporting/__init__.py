"""How results reach people: HTML, Markdown, numbers, progress, "did you mean", escaping of untrusted text."""
