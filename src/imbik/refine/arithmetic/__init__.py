"""Calculations in running text: finding them (`equations`), working them out (`calculation`), saying whether they hold
(`values`), and the quick way through lines in which they plainly do (`plain`)."""
