"""HTTP endpoints, one module per part of the API; each exports a `router`."""
