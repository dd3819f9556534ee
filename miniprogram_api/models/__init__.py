"""What goes in and comes out, as the contract shows it. Money is whole micro-yuan or fen, energy whole Wh or litres."""
