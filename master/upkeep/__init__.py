"""Keeping files and store in agreement: what people, old programs and accidents have done to them."""
