"""The spatio-temporal transformer: its shape, attention layouts and backbone."""
