"""What is done to images: views, augmentation, disruption, resampling."""
