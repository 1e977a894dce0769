"""Tests that share what is costly; it is ended with the last of them."""
