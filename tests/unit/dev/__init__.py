"""What the demo's verdict is made of: samples, needles, places, the verdict itself, and the control."""
