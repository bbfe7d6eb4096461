"""`python -m diode_sim`: see `diode_sim.cli`."""

from diode_sim.cli import main

main()
