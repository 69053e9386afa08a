"""Pods that ebbflow makes: how they are made safe, what a document may ask of them, how they end."""
