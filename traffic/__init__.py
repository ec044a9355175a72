"""`make traffic`: users who behave as users do, through the gateway, at a given rate."""
