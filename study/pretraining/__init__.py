"""The stage that makes encoders, and the features that frozen ones give."""
