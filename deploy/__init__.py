"""From a candidate to a champion: the only place that changes the world."""
