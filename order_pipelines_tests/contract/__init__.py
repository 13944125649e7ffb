"""What every connector must do, whatever its system: rules over the registry, fed by data beside the recordings."""
