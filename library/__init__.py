"""Tools that release the library `slipway-ml` from this repository. Wheels and projects do not contain them."""
