"""What the suite keeps on disk: typed, read and written in one way. Knows neither who measures nor who tells of it."""
