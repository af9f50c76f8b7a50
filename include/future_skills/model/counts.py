"""Counts of pairs by skill, category, department and their crossings, with or without those of the pair's own role."""

import numpy as np
from scipy import sparse

from future_skills.dataset.context import PairContext
from future_skills.dataset.features import PairValues


class PairCounts:
    """How many of some pairs fall into each group; `matrix` (roles x skills) has a 1 for each of them."""

    def __init__(self, context: PairContext, role: np.ndarray, skill: np.ndarray) -> None:
        """Count the pairs at these positions of the context, each pair once."""
        self._context = context
        shape = context.listed.shape
        self.matrix = sparse.csr_matrix((np.ones(len(role)), (role, skill)), shape=shape)
        self.role = np.bincount(role, minlength=shape[0]).astype(float)
        self.skill = np.bincount(skill, minlength=shape[1]).astype(float)
        self._own_pair = PairValues(role, skill, np.ones(len(role)), max(shape[1], 1))
        self._role_category = (self.matrix @ context.in_category).toarray()
        self._department_skill = (context.in_department @ self.matrix).toarray()
        self._department_category = context.in_department @ self._role_category
        self._category, self._department = self._role_category.sum(axis=0), self._department_skill.sum(axis=1)

    def without_own(self, role: np.ndarray, skill: np.ndarray) -> dict[str, np.ndarray]:
        """For pairs (positions): the counts of their groups, pairs of their own role left out."""
        context = self._context
        department, category = context.department[role], context.category[skill]
        own_pair, own_category = self._own_pair.get(role, skill, 0.0), self._role_category[role, category]
        return {
            "all": len(self.matrix.data) - self.role[role],
            "category": self._category[category] - own_category,
            "department": self._department[department] - self.role[role],
            "department_category": self._department_category[department, category] - own_category,
            "skill": self.skill[skill] - own_pair,
            "department_skill": self._department_skill[department, skill] - own_pair,
        }
