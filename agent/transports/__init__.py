"""How the agent reaches a server: the protocol, its SSH implementation, and output made safe."""
