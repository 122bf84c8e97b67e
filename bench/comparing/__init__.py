"""What bench/campaign.py is made of: both testers over many packages, and how far they agree."""
