"""Convolutions over the visible patches alone, as SparK needs them."""
