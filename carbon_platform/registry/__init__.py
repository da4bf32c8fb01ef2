"""Other registries' records (登记簿导入): their issuances, transfers and retirements, held and shown here."""
