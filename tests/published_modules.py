"""The class that published classifiers are pickled as, for scripts whose ``__main__`` writes such files."""

ORIGINAL = """
import os, sys, warnings, torch
from torch import nn
warnings.simplefilter("ignore")
class MLPClassifier(nn.Module):
    def __init__(self, width, hidden=512):
        super().__init__()
        self.hidden_layer = nn.Linear(width, hidden)
        self.bn1 = nn.BatchNorm1d(hidden)
        self.output_layer = nn.Linear(hidden, 2)
        self.dropout = nn.Dropout(0.5)
    def forward(self, x):
        return self.output_layer(self.dropout(torch.relu(self.bn1(self.hidden_layer(x)))))
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
folder = sys.argv[1]
def made(width, hidden=512):
    model = MLPClassifier(width, hidden)
    model(torch.randn(64, width) * 2 + 1)
    return model
"""
