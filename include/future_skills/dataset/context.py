"""What surrounds a pair in the company, labels aside: who lists what, and which job roles resemble each other."""

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from future_skills.dataset.features import FeatureTables, PairValues
from future_skills.dataset.snapshot import Snapshot

COORDINATES = 12
"""Dimensions in which a role's list of skills is described."""
SIMILARITY_WEIGHTS = {"listed skills": 1.0, "words of the name": 0.3, "listed categories": 0.1, "department": 0.03}
"""How much each kind of resemblance counts. Chosen by cross-validation on the training roles of O*NET 29.0."""

STRUCTURE: dict[str, str] = {
    "skill_roles": "skill_name",
    "skill_rank": "skill_name",
    "category_listings": "skill_category",
    "category_skills": "skill_category",
    "role_category_skills": "skill_category",
    "role_category_share": "skill_category",
    "department_roles": "job_department",
    "department_skill_share": "job_department",
    "role_skills": "job_role_name",
    "role_vacancies": "job_role_name",
    **{f"role_coordinate_{number}": "job_role_name" for number in range(COORDINATES)},
}
"""The columns of `structure`, each with the user-facing feature it belongs to."""


class PairContext:
    """The surroundings of every pair of one snapshot, computed once.

    A pair is listed when an employee of the role holds the skill. Decisions are not read here, not even that there is one: of
    a role HR has not looked at yet there is none, and what is measured on held-out roles must be true for it.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        """Build the listing matrix (roles x skills), the similarity of roles and the counts."""
        self.features = FeatureTables(snapshot)
        self.role_ids = snapshot.roles["job_role_id"].to_numpy()
        self.skill_ids = snapshot.skills["skill_id"].to_numpy()
        roles, skills = len(self.role_ids), len(self.skill_ids)
        self.listed = self._listing(snapshot, roles, skills)
        self.department, departments = pd.factorize(snapshot.roles["job_department"])
        self.category, categories = pd.factorize(snapshot.skills["skill_category"])
        self.in_department = _membership(self.department, len(departments)).T.tocsr()
        self.in_category = _membership(self.category, len(categories))
        self._count()
        self._vacancies = _per_role(snapshot)
        weighted = normalize(self.listed, norm="l1") @ sparse.diags(np.log((roles + 1) / (self._skill_roles + 1)))
        self._coordinates = _coordinates(weighted.tocsr())
        self.similarity = self._similarity(snapshot.roles["job_role_name"])

    def _listing(self, snapshot: Snapshot, roles: int, skills: int) -> sparse.csr_matrix:
        held = snapshot.usage[snapshot.usage["job_role_id"] != 0]
        role, skill = self.features.positions(held["job_role_id"], held["skill_id"])
        self._own = PairValues(role, skill, np.ones(len(role)), max(skills, 1))
        return sparse.csr_matrix((np.ones(len(role)), (role, skill)), shape=(roles, skills))

    def _count(self) -> None:
        self._role_skills = _sums(self.listed, 1)
        self._skill_roles = _sums(self.listed, 0)
        self._department_listings = (self.in_department @ self.listed).toarray()
        self._department_roles = np.bincount(self.department, minlength=self.in_department.shape[0])
        self._role_category = (self.listed @ self.in_category).toarray()
        self._category_skills = np.bincount(self.category, minlength=self.in_category.shape[1])
        self._category_listings = np.bincount(self.category, weights=self._skill_roles, minlength=len(self._category_skills))
        order = np.lexsort((-self._skill_roles, self.category))
        first = np.cumsum(self._category_skills) - self._category_skills
        self._rank = np.empty(len(order))
        self._rank[order] = np.arange(len(order)) - first[self.category[order]]

    def _similarity(self, names: pd.Series) -> np.ndarray:
        """A positive definite kernel of roles, its diagonal the sum of the weights (1.43)."""
        together = (self.listed @ self.listed.T).toarray()
        either = self._role_skills[:, None] + self._role_skills[None, :] - together
        jaccard = np.divide(together, either, out=np.eye(len(together)), where=either > 0)
        rarity = np.log((len(names) + 1) / ((self._role_category > 0).sum(axis=0) + 1))
        similarity: np.ndarray = SIMILARITY_WEIGHTS["listed skills"] * jaccard
        similarity += SIMILARITY_WEIGHTS["words of the name"] * _cosine(_words(names))
        similarity += SIMILARITY_WEIGHTS["listed categories"] * _cosine(sparse.csr_matrix(self._role_category * rarity))
        similarity += SIMILARITY_WEIGHTS["department"] * (self.department[:, None] == self.department[None, :])
        np.fill_diagonal(similarity, sum(SIMILARITY_WEIGHTS.values()))
        return similarity

    def structure(self, role: np.ndarray, skill: np.ndarray) -> np.ndarray:
        """The columns STRUCTURE of the pairs (positions), shape (n, 22).

        Counts leave the pair's own listing out; the rank of its skill and the coordinates of its role do not.
        """
        own = self._own.get(role, skill, 0.0)
        department, category = self.department[role], self.category[skill]
        in_category = self._role_category[role, category] - own
        columns = {
            "skill_roles": self._skill_roles[skill] - own,
            "skill_rank": self._rank[skill],
            "category_listings": self._category_listings[category] - own,
            "category_skills": self._category_skills[category],
            "role_category_skills": in_category,
            "role_category_share": in_category / np.maximum(self._role_skills[role], 1),
            "department_roles": self._department_roles[department],
            "department_skill_share": (self._department_listings[department, skill] - own)
            / np.maximum(self._department_roles[department] - 1, 1),
            "role_skills": self._role_skills[role] - own,
            "role_vacancies": self._vacancies[role],
            **{f"role_coordinate_{number}": self._coordinates[role, number] for number in range(COORDINATES)},
        }
        return np.column_stack([columns[name] for name in STRUCTURE])


def _membership(codes: np.ndarray, groups: int) -> sparse.csr_matrix:
    return sparse.csr_matrix((np.ones(len(codes)), (np.arange(len(codes)), codes)), shape=(len(codes), groups))


def _sums(matrix: sparse.csr_matrix, axis: int) -> np.ndarray:
    return np.asarray(matrix.sum(axis=axis), dtype=float).ravel()


def _cosine(rows: sparse.csr_matrix) -> np.ndarray:
    unit = normalize(rows)
    cosine: np.ndarray = (unit @ unit.T).toarray()
    return cosine


def _words(names: pd.Series) -> sparse.csr_matrix:
    try:
        return TfidfVectorizer(sublinear_tf=True).fit_transform(names)
    except ValueError:  # names without a single word
        return sparse.csr_matrix((len(names), 1))


def _coordinates(weighted: sparse.csr_matrix) -> np.ndarray:
    """Directions of the first dimensions of the listing (truncated SVD), unit length; missing dimensions are 0."""
    result = np.zeros((weighted.shape[0], COORDINATES))
    dimensions = min(40, min(weighted.shape) - 1)
    if dimensions > 0 and weighted.nnz:
        found = normalize(TruncatedSVD(dimensions, random_state=0).fit_transform(weighted))[:, :COORDINATES]
        result[:, : found.shape[1]] = found
    return result


def _per_role(snapshot: Snapshot) -> np.ndarray:
    """log(1 + vacancies) of each role, 0 where the company counts none."""
    counts = snapshot.vacancies.set_index("job_role_id")["value"]
    values: np.ndarray = np.log1p(snapshot.roles["job_role_id"].map(counts).fillna(0).clip(lower=0).to_numpy(dtype=float))
    return values
