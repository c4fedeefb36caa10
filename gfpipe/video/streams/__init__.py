"""Below the decoder: headers of transport streams and of coded pictures, and what containers claim."""
