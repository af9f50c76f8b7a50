"""The HR database: its tables, its connection, the company that fills the embedded one."""
