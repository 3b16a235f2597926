module example.com/shop

go 1.26.0

require github.com/tabi-journeys/tabi v0.0.0

replace github.com/tabi-journeys/tabi => ../../../../..
