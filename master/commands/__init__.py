"""The commands `piufarm master …` and `piufarm why`: arguments in, words out."""
