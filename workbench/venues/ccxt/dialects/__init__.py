"""What each exchange is asked, and how it answers."""
