"""Pods that ebbflow makes: how they are made safe, and what a document may ask of them."""
