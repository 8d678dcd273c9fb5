"""A linear probe: logistic regression on the features of an encoder that stays as it is."""

from trainables.adaptations.base import Adaptation, Hyperparameter


class Linear(Adaptation):
    words = "linear probe"
    hyperparameters = {"weight_decay": Hyperparameter(1.0, 0, search={"low": 1e-3, "high": 1e2, "log": True})}
    on_features = True
    module = "trainables.finetuning.linear_probe"
