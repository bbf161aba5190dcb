"""What ports are asked: designed, drawn, lifecycle."""
