"""Makes a bundle the champion or leaves the target unchanged; restores and removes copies, updates the registry. May import
the rooms of layer 5 and below that it needs to verify a rollout: batch, target, inference, pipeline, bundle, settings,
storage."""
