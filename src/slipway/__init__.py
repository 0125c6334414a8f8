"""Release and deploy automation for machine-learning models: from a commit to a served, traceable, reversible release."""
