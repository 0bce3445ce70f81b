"""Wire dialects of game providers: one mechanism (`dialect`), one file per dialect."""
