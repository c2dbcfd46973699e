"""check_beatkeeper: the plug-in for Nagios, Icinga and what speaks like them."""
