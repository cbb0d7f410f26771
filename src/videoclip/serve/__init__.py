"""A library in the browser and as a JSON API; nothing imports it."""
