"""The local world: an AWS emulator on loopback, the real app deployed to it, and the outside programs that call it."""
