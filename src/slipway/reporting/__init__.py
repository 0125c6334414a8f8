"""Output for people: HTML, Markdown, numbers, progress, "did you mean", and escaping of untrusted text."""
