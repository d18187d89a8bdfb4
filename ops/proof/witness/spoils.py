SPOILS = {}
