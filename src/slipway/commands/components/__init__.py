"""Components in a separate repository: pin their versions, list their parameters, check and compare versions."""
