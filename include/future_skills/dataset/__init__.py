"""From the HR database to one immutable dataset: snapshot, labels, features, contract."""
