"""Makes a bundle the champion or leaves all as it was; repairs, cleans up, mirrors to the registry. May import the rooms of
floor 5 and below that it needs to prove a rollout: batch, target, inference, pipeline, bundle, settings, storage."""
