"""From settings to a candidate: reads data, trains, scores and compiles a model, and changes nothing else."""
